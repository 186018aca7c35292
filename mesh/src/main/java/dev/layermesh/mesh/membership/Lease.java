package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import java.time.Duration;

/**
 * How long the mesh believes a worker that says nothing.
 *
 * @param refresh  how often a worker repeats its ad
 * @param duration after this long without one the worker counts as gone
 */
public record Lease(Duration refresh, Duration duration) {
  /** Refreshed every second, over after ten: as long as the cluster takes to notice a hung process. */
  public static final Lease DEFAULT = new Lease(Duration.ofSeconds(1), Duration.ofSeconds(10));

  public Lease {
    if (refresh.toMillis() < 1) {
      throw InputException.of("lease.refresh", refresh, "must be at least a millisecond");
    }
    if (duration.compareTo(refresh.multipliedBy(2)) < 0) {
      throw InputException.of("lease.duration", duration, "must outlast two refreshes of " + refresh);
    }
  }
}
