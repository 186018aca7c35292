package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import java.time.Duration;

/**
 * How long a worker that does not renew its ad counts as alive.
 *
 * @param refresh  how often a worker renews its ad
 * @param duration after this time without a renewal the worker counts as gone
 */
public record Lease(Duration refresh, Duration duration) {
  /** Renewed every second, expired after ten: as long as the cluster takes to notice a hung process. */
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
