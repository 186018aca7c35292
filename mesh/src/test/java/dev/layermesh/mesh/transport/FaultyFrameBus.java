package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Kind;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * A bus that loses, repeats, delays and thereby reorders encoded frames, by a seed, in every direction that is sent
 * through it. It always loses the first frame of each kind, so that each kind is lost once, and counts the frames it
 * lost. Thread-safe; shared by all nodes of a test whose frames get faults.
 */
public final class FaultyFrameBus implements FrameBus {
  private static final Duration FLUSH = Duration.ofMillis(10);
  private static final int MAX_DELAY_MILLIS = 300;

  private record Delayed(String address, Buffer frame, long dueNanos) {}

  private final FrameBus bus;
  private final SplittableRandom random;
  private final double probability;
  private final List<Delayed> delayed = new ArrayList<>();
  private final Map<Kind, Integer> lost = new EnumMap<>(Kind.class);
  private Predicate<Kind> swallowed = kind -> false;
  private boolean calm;

  /**
   * A bus that sends through {@code bus}, with faults.
   *
   * @param probability of each of: loss, repetition, delay
   */
  public FaultyFrameBus(FrameBus bus, long seed, double probability) {
    this.bus = bus;
    this.random = new SplittableRandom(seed);
    this.probability = probability;
    bus.every(FLUSH, this::flush);
  }

  /** How many frames of each kind were lost. */
  public synchronized Map<Kind, Integer> lost() {
    return new EnumMap<>(lost);
  }

  /** Kinds that lost no frame. */
  public synchronized Set<Kind> spared() {
    var spared = EnumSet.allOf(Kind.class);
    spared.removeAll(lost.keySet());
    return spared;
  }

  /** From now on also loses every frame of the kinds given. */
  public synchronized void swallow(Predicate<Kind> kinds) {
    swallowed = kinds;
  }

  /** From now on loses only the kinds given to {@link #swallow}. */
  public synchronized void calm() {
    calm = true;
  }

  @Override
  public void send(String address, Buffer frame) {
    for (Buffer each : fate(address, frame)) {
      bus.send(address, each);
    }
  }

  private synchronized List<Buffer> fate(String address, Buffer frame) {
    Kind kind = Kind.of(Frame.decode(frame).message());
    if (swallowed.test(kind) || (!calm && (!lost.containsKey(kind) || happens()))) {
      lost.merge(kind, 1, Integer::sum);
      return List.of();
    }
    if (!calm && happens()) {
      long due = nanoTime() + Duration.ofMillis(random.nextInt(MAX_DELAY_MILLIS)).toNanos();
      delayed.add(new Delayed(address, frame, due));
      return happens() ? List.of(frame) : List.of();
    }
    return !calm && happens() ? List.of(frame, frame) : List.of(frame);
  }

  private boolean happens() {
    return random.nextDouble() < probability;
  }

  private void flush() {
    List<Delayed> due = new ArrayList<>();
    synchronized (this) {
      for (Iterator<Delayed> each = delayed.iterator(); each.hasNext();) {
        Delayed frame = each.next();
        if (nanoTime() - frame.dueNanos() >= 0) {
          each.remove();
          due.add(frame);
        }
      }
    }
    due.forEach(frame -> bus.send(frame.address(), frame.frame()));
  }

  @Override
  public Listening listen(String address, Consumer<Buffer> handler) {
    return bus.listen(address, handler);
  }

  @Override
  public Registration every(Duration period, Runnable action) {
    return bus.every(period, action);
  }

  @Override
  public long nanoTime() {
    return bus.nanoTime();
  }
}
