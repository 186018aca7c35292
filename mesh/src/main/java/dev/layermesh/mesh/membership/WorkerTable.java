package dev.layermesh.mesh.membership;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The live workers, each with the time of its last ad. Any thread may call. The thread that notices a loss calls the
 * listeners, without holding the lock.
 */
final class WorkerTable implements Workers {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerTable.class);

  private record Row(String nodeId, WorkerAd ad, long announcedNanos) {}

  private final Predicate<String> isMember;
  private final long leaseNanos;
  private final LongSupplier nanoClock;
  private final Map<String, Row> rows = new TreeMap<>();
  private final List<Consumer<String>> listeners = new CopyOnWriteArrayList<>();

  /**
   * @param isMember  whether a node id belongs to the cluster now; must not block
   * @param lease     how long a worker that does not renew its ad counts as alive
   * @param nanoClock a clock like {@link System#nanoTime}
   */
  WorkerTable(Predicate<String> isMember, Lease lease, LongSupplier nanoClock) {
    this.isMember = isMember;
    this.leaseNanos = lease.duration().toNanos();
    this.nanoClock = nanoClock;
  }

  @Override
  public synchronized List<WorkerAd> live(Role role) {
    return rows.values().stream().map(Row::ad).filter(ad -> ad.role() == role).toList();
  }

  @Override
  public Registration onLeave(Consumer<String> listener) {
    Consumer<String> own = listener::accept;
    listeners.add(own);
    return () -> listeners.remove(own);
  }

  /** An ad has arrived; it is dropped if its node has already left. */
  synchronized void announced(String nodeId, WorkerAd ad) {
    if (isMember.test(nodeId)) {
      rows.put(ad.id(), new Row(nodeId, ad, nanoClock.getAsLong()));
    }
  }

  /** A worker removed its ad. */
  void left(String workerId) {
    removeIf(row -> row.ad().id().equals(workerId));
  }

  /** A node left the cluster, and all its workers with it. */
  void nodeLeft(String nodeId) {
    removeIf(row -> row.nodeId().equals(nodeId));
  }

  /** Drops workers whose lease has expired or whose node left without an event, as in a merge of clusters. */
  void sweep() {
    long now = nanoClock.getAsLong();
    removeIf(row -> now - row.announcedNanos() > leaseNanos || !isMember.test(row.nodeId()));
  }

  private void removeIf(Predicate<Row> isGone) {
    List<String> gone;
    synchronized (this) {
      gone = rows.values().stream().filter(isGone).map(row -> row.ad().id()).toList();
      gone.forEach(rows::remove);
    }
    gone.forEach(this::tell);
  }

  private void tell(String workerId) {
    for (Consumer<String> listener : listeners) {
      try {
        listener.accept(workerId);
      } catch (RuntimeException e) {
        LOG.error("a listener failed when worker {} left", workerId, e);
      }
    }
  }
}
