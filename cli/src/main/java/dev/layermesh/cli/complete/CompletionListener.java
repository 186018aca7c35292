package dev.layermesh.cli.complete;

import java.util.List;
import java.util.Optional;

/** Receives a completion's events while it runs, on the thread that asked for it. */
public interface CompletionListener {

  /** Ignores everything. */
  CompletionListener NONE = piece -> {};

  /** Text was committed. */
  void committed(Piece piece);

  /** Tokens of the prompt that the model has run. */
  default void prefilled(int done, int total) {}

  /** Tokens are proposed and not judged yet. Only a completer in this JVM knows them before their verdict. */
  default void drafted(String text) {}

  /**
   * A piece of the answer.
   *
   * @param text what may be shown now; may be empty while a character is incomplete
   * @param round the round's drafts
   */
  record Piece(String text, Optional<Judged> round) {}

  /**
   * A round's text.
   *
   * @param pieces the text each committed token released
   * @param accepted how many of them were drafted; the next one is the verifier's own
   * @param rejected text of the draft tokens that were rejected
   */
  record Judged(List<String> pieces, int accepted, List<String> rejected) {}
}
