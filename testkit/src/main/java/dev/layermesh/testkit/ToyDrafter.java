package dev.layermesh.testkit;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.PositionRandom;
import dev.layermesh.decoding.PositionRandom.Purpose;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenList;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.loop.Drafter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A drafter of the toy model, of any {@link DrafterKind}. Its state is that of a real one, a cache by position, and it
 * throws when the loop makes it run a row twice, draft twice after one prefix, or continue from a prefix that its cache
 * does not hold. Used by the thread of its session alone, but for {@link #close}.
 */
public class ToyDrafter implements Drafter {
  private final SessionSpec spec;
  private final ToyModel model;
  private final DrafterKind kind;
  private final PositionRandom random;
  private final PositionRandom ownRandom;
  private final TokenList cache = new TokenList();
  private final Set<Long> rowsSeen = new HashSet<>(); // prefixes, by hash, whose last row was run
  private final Set<Long> prefixesSeen = new HashSet<>(); // prefixes after which a token was drafted
  private long rowsRun;
  private volatile boolean closed;

  public ToyDrafter(SessionSpec spec, ToyModel model, DrafterKind kind) {
    this.spec = spec;
    this.model = model;
    this.kind = kind;
    random = spec.sampling().random();
    ownRandom = new PositionRandom(spec.sampling().seed() * 31 + 17);
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) {
    requireOpen();
    runUpTo(known, to);
    requirePrefix(known, to);
    return ToyRow.handoff(cache, from, to);
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) {
    requireOpen();
    int first = known.length() - 1;
    forget(first);
    runUpTo(known, first + 1);
    requirePrefix(known, first + 1);
    List<DraftToken> drafted = new ArrayList<>();
    while (kind != DrafterKind.EMPTY && drafted.size() < (tail ? tokens + 1 : tokens)) {
      DraftToken token = propose();
      drafted.add(token);
      if (drafted.size() > tokens) {
        break; // the tail: no row is run for it
      }
      run(token.id());
      if (spec.stops().eosIds().contains(token.id()) && kind != DrafterKind.EOS_SPAMMING) {
        break;
      }
    }
    return new Draft(ToyRow.handoff(cache, first, cache.length()), drafted);
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    requireOpen();
    if (verdict.next().isPresent()) {
      forget(committed.length() - 1);
    }
  }

  /** Forgets rows from {@code position} on. */
  void forget(int position) {
    cache.truncate(position);
  }

  @Override
  public long rowsRun() {
    return rowsRun;
  }

  /** Positions it holds rows of. */
  public int cached() {
    return cache.length();
  }

  /** Whether {@link #close} was called. */
  public boolean closed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
  }

  private void runUpTo(TokenSequence known, int to) {
    while (cache.length() < to) {
      run(known.id(cache.length()));
    }
  }

  private void run(int id) {
    cache.append(id);
    rowsRun++;
    if (!rowsSeen.add(cache.hash(cache.length()))) {
      throw new IllegalStateException("row " + (cache.length() - 1) + " of token " + id + " was run before");
    }
  }

  private DraftToken propose() {
    int position = cache.length();
    if (!prefixesSeen.add(cache.hash(position))) {
      throw new IllegalStateException("a token for position " + position + " was drafted before");
    }
    return switch (kind) {
      case PERFECT, EMPTY -> drawn(target(position), random, spec.sampling().acceptance().draftNoise(), position);
      case PLAUSIBLE -> drawn(draft(position), random, spec.sampling().acceptance().draftNoise(), position);
      case ALWAYS_WRONG -> DraftToken.certain(wrong(position));
      case RANDOM -> drawn(anything(), ownRandom, Purpose.DRAFT, position);
      case EOS_SPAMMING -> (cache.hash(position) & 1) == 0
          ? DraftToken.certain(spec.stops().eosIds().isEmpty() ? 0 : spec.stops().eosIds().id(0))
          : drawn(target(position), random, spec.sampling().acceptance().draftNoise(), position);
    };
  }

  private int wrong(int position) {
    Distribution p = target(position);
    boolean known = spec.sampling().greedy() || spec.sampling().acceptance().equals(AcceptanceRule.SHARED_NOISE);
    if (known) {
      return (Sampler.pick(p, random, Purpose.TARGET, position) + 1) % model.vocabSize();
    }
    int least = 0;
    for (int id = 1; id < model.vocabSize(); id++) {
      if (p.probability(id) < p.probability(least)) {
        least = id;
      }
    }
    return least;
  }

  private Distribution target(int position) {
    return Sampler.distribution(model.target(cache::id, position), 0, model.vocabSize(), spec.sampling());
  }

  private Distribution draft(int position) {
    return Sampler.distribution(model.draft(cache::id, position), 0, model.vocabSize(), spec.sampling());
  }

  private Distribution anything() {
    float[] masses = new float[model.vocabSize()];
    Arrays.fill(masses, 1f / masses.length);
    return new Distribution.Dense(masses);
  }

  private static DraftToken drawn(Distribution q, PositionRandom random, Purpose noise, int position) {
    return new DraftToken(Sampler.pick(q, random, noise, position), q);
  }

  private void requirePrefix(TokenSequence known, int length) {
    if (cache.hash(length) != known.hash(length)) {
      throw new IllegalStateException("the cache holds other tokens than the first " + length + " known ones");
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("drafter of " + spec.key() + " is closed");
    }
  }
}
