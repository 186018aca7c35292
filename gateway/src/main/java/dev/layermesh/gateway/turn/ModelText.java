package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import java.util.List;

/** Text to tokens and back, for one model. Thread-safe. */
public interface ModelText {

  /** A prompt continued as it stands; starts as the model's sequences start. */
  TokenIds encode(String prompt);

  /**
   * A conversation through the model's chat template, ready for the assistant's turn.
   *
   * @throws InputException if the template refuses it, or the model has none
   */
  TokenIds encodeChat(List<ChatMessage> messages);

  /** The text of a fresh stream that ends where the first of {@code stops} begins. */
  TextStream stream(List<String> stops);

  /** The text of some tokens on their own, for showing drafts that never became part of a stream. */
  String decode(TokenIds ids);

  /** The text of one stream. Owned by one thread. */
  interface TextStream {

    /** Takes the next token and returns what may leave: never half a character, never what may be a stop string. */
    String append(int id);

    /** Whether a stop string was met: there is no more text, whatever is appended. */
    boolean stopped();

    /** What was held back, at the end of a stream. */
    String finish();
  }
}
