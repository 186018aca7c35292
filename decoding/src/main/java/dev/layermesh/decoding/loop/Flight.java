package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenLog;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.Work;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * Work sent and not yet answered, and the tokens it speculates on. The flight keeps a window until its verdict and
 * resends it if the verifier lost its state; the drafter never drafts it again.
 */
final class Flight implements TokenSequence {
  private static final int MAX_EXTENDS = 2;

  private final TokenLog log;
  private final Deque<Work> sent = new ArrayDeque<>();
  private final Deque<DraftWindow> unsent = new ArrayDeque<>(); // kept for a verifier that lost rows
  private TokenIds speculated = TokenIds.empty(); // draft tokens of all windows, after the log
  private int handed; // positions the verifier holds once all of `sent` is done
  private int nextSeq;

  Flight(TokenLog log, int cached) {
    this.log = log;
    this.handed = cached;
  }

  // The sequence it presents: committed tokens, then speculated ones.

  @Override
  public int length() {
    return log.length() + speculated.length();
  }

  @Override
  public int id(int position) {
    return position < log.length() ? log.id(position) : speculated.id(position - log.length());
  }

  @Override
  public long hash(int prefix) {
    long hash = log.hash(Math.min(prefix, log.length()));
    for (int position = log.length(); position < prefix; position++) {
      hash = PrefixHash.extend(hash, id(position));
    }
    return hash;
  }

  /** Positions the verifier holds once everything sent is done. */
  int handed() {
    return handed;
  }

  /** First row of the window that goes out next, kept or yet to be drafted: rows before it are known. */
  int nextRow() {
    return (unsent.isEmpty() ? length() : unsent.peek().base()) - 1;
  }

  /** Whether the verifier lacks known rows. */
  boolean behind() {
    return handed < nextRow();
  }

  /**
   * Whether one more Extend may go out now. Two let drafter and verifier work at the same time; more would only queue.
   */
  boolean roomToExtend() {
    return sent.stream().filter(Work.Extend.class::isInstance).count() < MAX_EXTENDS;
  }

  /** A window kept for the verifier, to go out again. */
  Optional<DraftWindow> unsent() {
    return Optional.ofNullable(unsent.poll());
  }

  /**
   * Whether a window may be drafted now: the flight has room, the session may commit more tokens, and the last window
   * in flight has a tail to continue from.
   */
  boolean roomToDraft(int windows) {
    int inFlight = (int) sent.stream().filter(DraftWindow.class::isInstance).count();
    if (inFlight >= windows || speculated.length() >= log.remaining()) {
      return false;
    }
    return !(sent.peekLast() instanceof DraftWindow last) || (last.hasTail() && !log.isEos(id(length() - 1)));
  }

  /** Draft tokens that a window may hold besides its last token. */
  int limit(int draftTokens) {
    return Math.min(draftTokens, log.remaining() - speculated.length() - 1);
  }

  Work.Extend extend(Handoff handoff) {
    return sent(new Work.Extend(nextSeq, hash(handoff.from()), handoff));
  }

  DraftWindow window(Drafter.Draft draft) {
    int base = length();
    var window = sent(new DraftWindow(nextSeq, base, hash(base - 1), draft.handoff(), draft.tokens()));
    speculated = speculated.concat(window.draftIds());
    return window;
  }

  /** Numbers a kept window anew. */
  DraftWindow again(DraftWindow kept) {
    return sent(kept.withSeq(nextSeq));
  }

  private <W extends Work> W sent(W work) {
    nextSeq++;
    handed = work.handoff().from() + work.handoff().count();
    sent.add(work);
    return work;
  }

  /** The oldest work, if {@code seq} is its number; empty for a reply to work that was dropped or renumbered. */
  Optional<Work> retire(int seq) {
    if (sent.isEmpty() || seq < sent.peek().seq()) {
      return Optional.empty();
    }
    if (seq > sent.peek().seq()) {
      throw new IllegalStateException("reply to " + seq + " while " + sent.peek().seq() + " is unanswered");
    }
    return Optional.of(sent.poll());
  }

  /** The log took a window's tokens. Windows behind it are dropped if the verifier chose a token of its own. */
  void committed(DraftWindow window, boolean windowStands) {
    if (windowStands) {
      speculated = speculated.slice(window.tokens().size(), speculated.length());
    } else {
      sent.clear();
      unsent.clear();
      speculated = TokenIds.empty();
      handed = log.length() - 1;
    }
  }

  /** The verifier holds only {@code cached} positions: known rows go out again, then the windows, under new numbers. */
  void restartFrom(int cached, Work refused) {
    var windows = new ArrayDeque<DraftWindow>();
    if (refused instanceof DraftWindow window) {
      windows.add(window);
    }
    for (Work work : sent) {
      if (work instanceof DraftWindow window) {
        windows.add(window);
      }
    }
    windows.addAll(unsent);
    sent.clear();
    unsent.clear();
    unsent.addAll(windows);
    handed = cached;
  }
}
