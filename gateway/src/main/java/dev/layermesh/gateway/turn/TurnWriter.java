package dev.layermesh.gateway.turn;

import dev.layermesh.tokenizer.text.AnswerPiece;
import io.vertx.core.Future;
import java.time.Instant;

/**
 * Writes one turn in one protocol. Called on the connection's event loop: {@code begin}, pieces, then exactly one of
 * {@code end} and {@code fail}. {@code fail} may be called without {@code begin}. Nothing is called after the client is
 * gone.
 */
public interface TurnWriter {

  /** A worker took the session. */
  void begin(Header header);

  /** Some tokens of the answer. */
  void piece(AnswerPiece piece);

  /** Completes when the last byte is written or the write failed. */
  Future<Void> end(TurnResult result);

  /** Completes as {@link #end} does. {@code sent} holds the pieces written before. */
  Future<Void> fail(ApiError error, Sent sent);

  /** Whether the client's socket takes more now. If not, {@link Turn#drained()} is called when it does. */
  boolean writable();

  /**
   * The pieces that were written.
   *
   * @param text all pieces
   * @param tokens tokens of all pieces
   */
  record Sent(String text, int tokens) {}

  /**
   * The values that every part of an answer repeats.
   *
   * @param id 32 hexadecimal digits
   * @param created when the turn began
   * @param plan the planned request
   */
  record Header(String id, Instant created, TurnPlan plan) {}
}
