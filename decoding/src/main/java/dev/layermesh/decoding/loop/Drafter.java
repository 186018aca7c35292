package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import java.util.List;

/**
 * Proposes tokens for one session. Called by the thread that runs the session's loop; may block until a device has
 * run its rows. State is addressed by position.
 */
public interface Drafter extends AutoCloseable {

  /**
   * A proposal: the rows of the pending token and of the draft tokens, and the draft tokens (see {@link
   * DraftWindow}).
   */
  record Draft(Handoff handoff, List<DraftToken> tokens) {}

  /**
   * Rows of the known tokens at positions {@code from} to {@code to} (exclusive): prefill, or rows from the exit-query
   * cache for a verifier that lost its own. The drafter does not run rows again whose states it holds.
   */
  Handoff extend(TokenSequence known, int from, int to) throws InterruptedException;

  /**
   * Drafts after {@code known}, whose last token is pending: up to {@code tokens} tokens, fewer if one of them ends
   * the session, and with {@code tail} one more that no row is run for. Rows cached from the pending token's position
   * on are forgotten first.
   */
  Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException;

  /**
   * Learns the verdict on a window. If the verifier chose a token of its own, the drafter forgets rows at positions
   * from {@code committed.length() - 1} on.
   */
  void observe(TokenSequence committed, Verdict verdict);

  /** Rows this drafter has run through its layers so far. */
  long rowsRun();

  /** Frees caches; idempotent, any thread. */
  @Override
  void close();
}
