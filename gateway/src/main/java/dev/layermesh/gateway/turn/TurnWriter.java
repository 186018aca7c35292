package dev.layermesh.gateway.turn;

import dev.layermesh.tokenizer.text.AnswerPiece;
import io.vertx.core.Future;
import java.time.Instant;

/**
 * One protocol's way to write a turn. Called on the connection's event loop: {@code begin}, pieces, then exactly one of
 * {@code end} and {@code fail}; {@code fail} may come first. Nothing is called once the client is gone.
 */
public interface TurnWriter {

  /** A worker took the generation. */
  void begin(Header header);

  /** Some tokens of the answer. */
  void piece(AnswerPiece piece);

  /** Completes when the last byte is written, or cannot be. */
  Future<Void> end(TurnResult result);

  /** Completes as {@link #end} does. {@code sent} is what the client got. */
  Future<Void> fail(ApiError error, Sent sent);

  /** Whether the client takes more now; if not, {@link Turn#drained()} is called when it does. */
  boolean writable();

  /**
   * What a client got.
   *
   * @param text all pieces
   * @param tokens they were made of
   */
  record Sent(String text, int tokens) {}

  /**
   * What every part of an answer repeats.
   *
   * @param id 32 hexadecimal digits
   * @param created when the turn began
   * @param plan what is answered
   */
  record Header(String id, Instant created, TurnPlan plan) {}
}
