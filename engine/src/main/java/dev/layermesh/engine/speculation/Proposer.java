package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.TokenSequence;
import java.util.List;

/**
 * Proposes the tokens of a session's drafts. It need not run their rows: {@link ModelDrafter} runs those that are
 * missing. Called by the session's thread.
 */
@FunctionalInterface
interface Proposer {

  /**
   * Proposes tokens after {@code known}, whose last token is pending.
   *
   * @return at most {@code limit} tokens, none after one that ends the session
   */
  List<DraftToken> propose(TokenSequence known, int limit) throws InterruptedException;
}
