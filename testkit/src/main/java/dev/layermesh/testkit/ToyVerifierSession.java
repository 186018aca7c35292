package dev.layermesh.testkit;

import dev.layermesh.decoding.AcceptanceRule.Judgement;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.TokenList;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.VerifyReply.Behind;
import dev.layermesh.decoding.VerifyReply.Diverged;
import dev.layermesh.decoding.VerifyReply.Extended;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.VerifierSession;
import java.util.ArrayList;
import java.util.List;

/**
 * The verifier's half of a session of the toy model. It follows the port exactly: work ahead of its cache is {@link
 * Behind}, or {@link Diverged} if the last work it took was a window it judged; work on another prefix is {@link
 * Diverged}; work behind its cache forgets what lies there.
 *
 * <p>Target logits come from the tokens its cache was fed with, read from the exit states, so that a stale row changes
 * what it says. Unless asked not to, it also audits: against a record of its own of what is committed it checks the
 * position, token and prefix of every row it runs, and throws if one belongs to a prefix that was rejected.
 *
 * <p>Not final, for the kit's own tests, which break one of its verbs and expect to be caught.
 */
public class ToyVerifierSession implements VerifierSession {
  private final SessionKey key;
  private final ToyModel model;
  private final SamplingParams sampling;
  private final boolean audited;
  private final Runnable onClose;
  private final TokenList cache = new TokenList(); // in place of keys and values: the tokens that the rows name
  private final TokenList truth = new TokenList(); // what is committed, the pending token included once judged
  private boolean judgedLast;
  private int nextSeq;
  private boolean closed;

  /**
   * A session with an empty cache.
   *
   * @param audited whether to throw on a row that does not belong to what is committed
   * @param onClose called once, at the first {@link #close}
   */
  public ToyVerifierSession(
      SessionKey key, ToyModel model, SamplingParams sampling, boolean audited, Runnable onClose) {
    this.key = key;
    this.model = model;
    this.sampling = sampling;
    this.audited = audited;
    this.onClose = onClose;
  }

  @Override
  public synchronized int cached() {
    return cache.length();
  }

  @Override
  public synchronized VerifyReply answer(Work work) {
    if (closed) {
      throw new IllegalStateException("work " + work.seq() + " for session " + key + ", which is closed");
    }
    if (work.seq() < nextSeq) {
      throw new IllegalStateException("work " + work.seq() + " after " + (nextSeq - 1));
    }
    nextSeq = work.seq() + 1;
    int first = work.handoff().from();
    if (first > cache.length()) {
      return judgedLast ? new Diverged(work.seq(), cache.length()) : new Behind(work.seq(), cache.length());
    }
    if (!standsOnWhatIsCommitted(work)) {
      return new Diverged(work.seq(), cache.length());
    }
    truncate(cache, first);
    run(work.handoff());
    return switch (work) {
      case Work.Extend extend -> extended(extend);
      case DraftWindow window -> judged(window);
    };
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      onClose.run();
    }
  }

  /** Whether the rows of {@code work}, which do not start behind the cache, continue what is committed. */
  boolean standsOnWhatIsCommitted(Work work) {
    int first = work.handoff().from();
    boolean pendingKnown = first < truth.length();
    return work.parentHash() == truth.hash(first)
        && (!pendingKnown || work.handoff().ids().id(0) == truth.id(first));
  }

  /** Hash of the first {@code prefix} committed tokens. */
  long committedHash(int prefix) {
    return truth.hash(prefix);
  }

  /** Forgets positions of {@code cache} from {@code length} on. */
  void truncate(TokenList cache, int length) {
    cache.truncate(length);
  }

  /** Caches one row. */
  void store(TokenList cache, ToyRow row) {
    cache.append(row.id());
  }

  private void run(Handoff handoff) {
    long hash = audited ? truth.hash(handoff.from()) : 0;
    for (int i = 0; i < handoff.count(); i++) {
      int position = handoff.from() + i;
      ToyRow row = switch (handoff) {
        case Handoff.ExitStates states -> ToyRow.read(states.rows(), i);
        case Handoff.Tokens tokens -> new ToyRow(position, tokens.ids().id(i), 0);
      };
      if (audited) {
        hash = PrefixHash.extend(hash, handoff.ids().id(i));
        audit(row, new ToyRow(position, handoff.ids().id(i), handoff instanceof Handoff.Tokens ? 0 : hash));
        if (i == 0 && position < truth.length() && truth.id(position) != row.id()) {
          throw new IllegalStateException(
              "row " + position + " holds rejected token " + row.id() + ", committed is " + truth.id(position));
        }
      }
      store(cache, row);
    }
  }

  private void audit(ToyRow row, ToyRow expected) {
    if (!row.equals(expected) || cache.length() != row.position()) {
      throw new IllegalStateException(
          "slot " + cache.length() + " got " + row + ", on the committed prefix it would be " + expected);
    }
  }

  private Extended extended(Work.Extend extend) {
    commit(extend.handoff().from(), extend.handoff().ids().toArray());
    judgedLast = false;
    return new Extended(extend.seq(), cache.length(), extend.handoff().count());
  }

  private Verdict judged(DraftWindow window) {
    List<Distribution> targets = new ArrayList<>();
    int stored = cache.length() - window.handoff().count();
    for (int i = 1; i <= window.handoff().count(); i++) {
      targets.add(
          Sampler.distribution(model.target(cache::id, stored + i), 0, model.vocabSize(), sampling));
    }
    Judgement judgement =
        sampling.acceptance().judge(window.tokens(), targets, window.base(), sampling.random());
    commit(window.base() - 1, window.handoff().ids().id(0));
    for (int i = 0; i < judgement.accepted(); i++) {
      commit(window.base() + i, window.tokens().get(i).id());
    }
    judgement.next().ifPresent(next -> commit(window.base() + judgement.accepted(), next));
    truncate(cache, window.base() - 1 + judgement.accepted() + (judgement.next().isPresent() ? 1 : 0));
    judgedLast = true;
    return new Verdict(window.seq(), judgement.accepted(), judgement.next(), window.handoff().count());
  }

  private void commit(int from, int... ids) {
    for (int i = 0; i < ids.length; i++) {
      if (from + i >= truth.length()) {
        truth.append(ids[i]);
      }
    }
  }
}
