package dev.layermesh.cli.complete;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import java.util.List;

/** What is to be continued. */
public sealed interface Prompt {

  /** Text as it stands. */
  record Text(String text) implements Prompt {}

  /** Tokens as they stand. */
  record Ids(TokenIds ids) implements Prompt {}

  /** A conversation, whose next turn is the assistant's. */
  record Chat(List<ChatMessage> messages) implements Prompt {
    public Chat {
      messages = List.copyOf(messages);
    }
  }
}
