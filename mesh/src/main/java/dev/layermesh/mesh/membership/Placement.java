package dev.layermesh.mesh.membership;

import java.util.Collection;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/**
 * Chooses the workers of a session: the least loaded of those that fit, at random among equally loaded ones. A draining
 * or suspected worker is never chosen. Thread-safe if the random generator is; no call blocks.
 */
public final class Placement {
  private final Workers workers;
  private final RandomGenerator random;

  /**
   * @param workers the workers to choose from
   * @param random  breaks ties, so that several gateways do not all choose the same worker
   */
  public Placement(Workers workers, RandomGenerator random) {
    this.workers = workers;
    this.random = random;
  }

  /**
   * A draft worker that at least one live verifier fits.
   *
   * @param arithmetic of the worker that a resumed session began on; empty for a new session, which takes any
   * @param suspects   ids of workers not to choose
   */
  public Optional<WorkerAd> draft(Optional<String> arithmetic, Set<String> suspects) {
    List<WorkerAd> verifiers = candidates(Role.VERIFY, suspects).toList();
    return leastLoaded(candidates(Role.DRAFT, suspects)
        .filter(draft -> arithmetic.isEmpty() || arithmetic.get().equals(draft.arithmetic()))
        .filter(draft -> verifiers.stream().anyMatch(verify -> fit(draft, verify)))
        .toList());
  }

  /**
   * A verify worker that fits {@code draft}.
   *
   * @param suspects ids of workers not to choose
   */
  public Optional<WorkerAd> verify(WorkerAd draft, Set<String> suspects) {
    return leastLoaded(candidates(Role.VERIFY, suspects).filter(verify -> fit(draft, verify)).toList());
  }

  /** The roles that must be filled before a session can start; empty when one can. */
  public Set<Role> missing() {
    if (draft(Optional.empty(), Set.of()).isPresent()) {
      return Set.of();
    }
    EnumSet<Role> missing = EnumSet.noneOf(Role.class);
    for (Role role : Role.values()) {
      if (candidates(role, Set.of()).findAny().isEmpty()) {
        missing.add(role);
      }
    }
    // Workers of both roles are live but do not fit: a fitting verifier is missing.
    return missing.isEmpty() ? Set.of(Role.VERIFY) : Set.copyOf(missing);
  }

  private Stream<WorkerAd> candidates(Role role, Set<String> suspects) {
    return workers.live(role).stream().filter(ad -> !ad.draining() && !suspects.contains(ad.id()));
  }

  /** Same checkpoint, exit layer and arithmetic: otherwise the output would not be lossless. */
  private static boolean fit(WorkerAd draft, WorkerAd verify) {
    return MeshIdentity.of(draft).equals(MeshIdentity.of(verify)) && draft.arithmetic().equals(verify.arithmetic());
  }

  private Optional<WorkerAd> leastLoaded(Collection<WorkerAd> fitting) {
    Optional<WorkerAd> least = fitting.stream().min(Comparator.comparingInt(WorkerAd::sessions));
    return least.map(best -> {
      List<WorkerAd> equals = fitting.stream().filter(ad -> ad.sessions() == best.sessions()).toList();
      return equals.get(random.nextInt(equals.size()));
    });
  }
}
