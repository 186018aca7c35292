package dev.layermesh.mesh.membership;

import com.hazelcast.cluster.Member;
import com.hazelcast.cluster.MembershipEvent;
import com.hazelcast.cluster.MembershipListener;
import com.hazelcast.core.EntryEvent;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.core.HazelcastInstanceNotActiveException;
import com.hazelcast.map.IMap;
import com.hazelcast.map.listener.EntryAddedListener;
import com.hazelcast.map.listener.EntryMergedListener;
import com.hazelcast.map.listener.EntryRemovedListener;
import com.hazelcast.map.listener.EntryUpdatedListener;
import com.hazelcast.nio.serialization.HazelcastSerializationException;
import dev.layermesh.decoding.InputException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mesh's list of workers: a replicated map of ads, each held by a lease that its worker renews, and a local table
 * of them that the map's events keep up to date. A worker is gone when it closes its announcement, when its node leaves
 * the cluster, or when its lease expires, whichever this node notices first.
 *
 * <p>A mesh serves one {@link MeshIdentity}. Every worker's node holds a claim on it in a second map, put there under a
 * cluster-wide lock while no live node claims another. The identity is free again when the last worker is gone, even if
 * that one was killed. During a network partition each side decides for itself.
 *
 * <p>Thread-safe. {@link #live} and {@link #onLeave} never block; {@link #open}, {@link #claim}, {@link #announce} and
 * the {@code close}s talk to the cluster and belong on a main or virtual thread.
 */
public final class WorkerRegistry implements Workers, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerRegistry.class);
  private static final String ADS = "layermesh.workers";
  private static final String CLAIMS = "layermesh.claims";
  private static final String CLAIM_LOCK = "lock";
  private static final long LOCK_PATIENCE_SECONDS = 10;
  /** Longer than the calls made under it may take. */
  private static final long LOCK_LEASE_SECONDS = 60;

  private final HazelcastInstance hazelcast;
  private final String nodeId;
  private final Lease lease;
  private final IMap<String, String> ads;
  private final IMap<String, String> claims;
  private final WorkerTable table;
  private final Set<LeasedEntry> own = ConcurrentHashMap.newKeySet();
  private final UUID adListener;
  private final UUID memberListener;
  private final Thread keeper;
  private volatile boolean closed;

  private WorkerRegistry(MeshNode node) {
    this.hazelcast = node.hazelcast();
    this.nodeId = node.nodeId();
    this.lease = node.options().lease();
    this.ads = hazelcast.getMap(ADS);
    this.claims = hazelcast.getMap(CLAIMS);
    this.table = new WorkerTable(this::isMember, lease, System::nanoTime);
    // Listen first, then read: an ad that changes in between is seen twice, not missed.
    this.memberListener = hazelcast.getCluster().addMembershipListener(new MemberEvents());
    this.adListener = ads.addEntryListener(new AdEvents(), true);
    ads.keySet().forEach(this::look);
    this.keeper = Thread.ofVirtual().name("mesh-leases-" + nodeId).start(this::keepLeases);
  }

  /** Starts to follow the workers of a mesh; on return those announced before are known. */
  public static WorkerRegistry open(MeshNode node) {
    return new WorkerRegistry(node);
  }

  @Override
  public List<WorkerAd> live(Role role) {
    return table.live(role);
  }

  @Override
  public Registration onLeave(Consumer<String> listener) {
    return table.onLeave(listener);
  }

  /**
   * Claims the mesh for {@code identity} until closed or until this node is gone. Other nodes may claim the same.
   * A worker does so before it loads its weights, so that a wrong model is refused at once.
   *
   * @throws InputException if a live node claims another identity; the message names both values
   */
  public Registration claim(MeshIdentity identity) {
    lockClaims();
    try {
      claims.keySet().stream().flatMap(key -> claimed(key).stream()).forEach(identity::requireSameAs);
      return new LeasedEntry(claims, UUID.randomUUID().toString(), new Leased(nodeId, identity.toJson()).encode());
    } finally {
      unlockClaims();
    }
  }

  /** What a live node claims; nothing if it is gone or the claim cannot be read. */
  private Optional<MeshIdentity> claimed(String key) {
    try {
      String claim = claims.get(key);
      if (claim == null) {
        return Optional.empty(); // its lease has just expired
      }
      Leased other = Leased.decode(claim);
      return isMember(other.nodeId()) ? Optional.of(MeshIdentity.fromJson(other.value())) : Optional.empty();
    } catch (InputException | HazelcastSerializationException | ClassCastException | NullPointerException unreadable) {
      LOG.warn("ignoring a malformed claim: {}", unreadable.toString());
      return Optional.empty();
    }
  }

  /**
   * Announces a worker of this process to the mesh, and renews that until closed.
   *
   * @throws InputException if the mesh serves another {@link MeshIdentity}; the message names both values
   */
  Announcement announce(WorkerAd ad) {
    return announce(ad, Map.of());
  }

  /**
   * The same for a worker that knows digests of {@link MeshIdentity#parts} of its model.
   *
   * @throws InputException if the mesh serves another {@link MeshIdentity}; the message names both values
   */
  public Announcement announce(WorkerAd ad, Map<String, String> parts) {
    Registration claim = claim(MeshIdentity.of(ad).with(parts));
    try {
      return new OwnWorker(ad, claim);
    } catch (RuntimeException failure) {
      claim.close();
      throw failure;
    }
  }

  /** Removes all announcements and claims of this process and stops following the mesh. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    keeper.interrupt();
    List.copyOf(own).forEach(LeasedEntry::close);
    ifActive(() -> {
      ads.removeEntryListener(adListener);
      hazelcast.getCluster().removeMembershipListener(memberListener);
    });
  }

  private void lockClaims() {
    try {
      if (!claims.tryLock(
          CLAIM_LOCK, LOCK_PATIENCE_SECONDS, TimeUnit.SECONDS, LOCK_LEASE_SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException(
            "the lock on the mesh's identity was not free within " + LOCK_PATIENCE_SECONDS + " s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while claiming the mesh's identity", e);
    }
  }

  /** Releases the lock. A failure is only logged: what was done under the lock is not affected. */
  private void unlockClaims() {
    try {
      claims.unlock(CLAIM_LOCK);
    } catch (RuntimeException lost) {
      LOG.warn("cannot release the lock on the mesh's identity, its lease will expire: {}", lost.toString());
    }
  }

  /** From the local view of the cluster: never blocks. */
  private boolean isMember(String node) {
    return hazelcast.getCluster().getMembers().stream().anyMatch(member -> node.equals(nodeIdOf(member)));
  }

  private static String nodeIdOf(Member member) {
    return String.valueOf(member.getAttribute(MeshNode.NODE_ID_ATTRIBUTE));
  }

  private void look(String key) {
    try {
      String ad = ads.get(key);
      if (ad != null) {
        announced(ad);
      }
    } catch (RuntimeException unreadable) {
      LOG.warn("ignoring a malformed worker ad: {}", unreadable.toString());
    }
  }

  private void announced(Object entry) {
    try {
      Leased leased = Leased.decode(entry);
      table.announced(leased.nodeId(), WorkerAd.fromJson(leased.value()));
    } catch (InputException e) {
      LOG.warn("ignoring a malformed worker ad: {}", e.getMessage());
    }
  }

  private void keepLeases() {
    while (!closed && hazelcast.getLifecycleService().isRunning()) {
      try {
        Thread.sleep(lease.refresh());
        ifActive(this::tick);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        LOG.warn("cannot renew the leases of node {}, trying again", nodeId, e);
      }
    }
  }

  /** Renews the entries of this process and drops workers whose lease has expired. */
  private void tick() {
    own.forEach(LeasedEntry::renew);
    table.sweep();
  }

  /** When this node has left the cluster, its entries are removed without its help. */
  private static void ifActive(Runnable action) {
    try {
      action.run();
    } catch (HazelcastInstanceNotActiveException e) {
      LOG.debug("the cluster was left already");
    }
  }

  private final class MemberEvents implements MembershipListener {
    @Override
    public void memberAdded(MembershipEvent event) {
      LOG.debug("node {} joined", nodeIdOf(event.getMember()));
    }

    @Override
    public void memberRemoved(MembershipEvent event) {
      table.nodeLeft(nodeIdOf(event.getMember()));
    }
  }

  /** Ignores expired entries: the table checks the leases itself, and earlier. */
  private final class AdEvents implements EntryAddedListener<String, String>, EntryUpdatedListener<String, String>,
      EntryMergedListener<String, String>, EntryRemovedListener<String, String> {
    @Override
    public void entryAdded(EntryEvent<String, String> event) {
      announced(event.getValue());
    }

    @Override
    public void entryUpdated(EntryEvent<String, String> event) {
      announced(event.getValue());
    }

    @Override
    public void entryMerged(EntryEvent<String, String> event) {
      announced(event.getValue());
    }

    @Override
    public void entryRemoved(EntryEvent<String, String> event) {
      table.left(event.getKey());
    }
  }

  /** An entry of this process in a map of the cluster, removed when closed. */
  private final class LeasedEntry implements Registration {
    private final IMap<String, String> map;
    private final String key;
    private String value;
    private boolean open = true;

    LeasedEntry(IMap<String, String> map, String key, String value) {
      this.map = map;
      this.key = key;
      this.value = value;
      map.set(key, value, lease.duration().toMillis(), TimeUnit.MILLISECONDS);
      own.add(this);
    }

    synchronized void change(String newValue) {
      value = newValue;
      renew();
    }

    synchronized void renew() {
      if (open) {
        map.setAsync(key, value, lease.duration().toMillis(), TimeUnit.MILLISECONDS).whenComplete((done, failure) -> {
          if (failure != null) {
            LOG.debug("lease of {} not renewed, trying again", key, failure);
          }
        });
      }
    }

    @Override
    public synchronized void close() {
      if (open) {
        open = false;
        own.remove(this);
        ifActive(() -> map.delete(key));
      }
    }
  }

  private final class OwnWorker implements Announcement {
    private final WorkerAd ad;
    private final Registration claim;
    private final LeasedEntry entry;

    OwnWorker(WorkerAd ad, Registration claim) {
      this.ad = ad;
      this.claim = claim;
      this.entry = new LeasedEntry(ads, ad.id(), encode(ad));
      table.announced(nodeId, ad);
    }

    @Override
    public void update(int sessions, boolean draining) {
      ifActive(() -> entry.change(encode(ad.withLoad(sessions, draining))));
    }

    @Override
    public void close() {
      entry.close();
      claim.close();
    }

    private String encode(WorkerAd current) {
      return new Leased(nodeId, current.toJson()).encode();
    }
  }
}
