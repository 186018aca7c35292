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
 * Chooses the workers of a session: those that fit, among them the least loaded, among equals any. A worker that drains
 * or is suspected is never chosen. Thread-safe if the generator is; no call blocks.
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
   * A worker to draft, of which at least one verifier can judge the windows.
   *
   * @param arithmetic what a session that goes on was begun with; empty for a fresh one, which takes any
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
   * A worker to judge what {@code draft} proposes.
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
    // Both are there and do not fit: what the drafters need is another verifier.
    return missing.isEmpty() ? Set.of(Role.VERIFY) : Set.copyOf(missing);
  }

  private Stream<WorkerAd> candidates(Role role, Set<String> suspects) {
    return workers.live(role).stream().filter(ad -> !ad.draining() && !suspects.contains(ad.id()));
  }

  /** One model, split at one layer, computed alike: anything else would not be lossless. */
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
