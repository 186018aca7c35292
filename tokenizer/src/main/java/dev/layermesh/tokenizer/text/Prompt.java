package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import java.util.List;

/**
 * What a generation continues. {@link ModelText#encode(Prompt, java.util.function.IntFunction)} turns it into token
 * ids.
 */
public sealed interface Prompt {

  /** Text, continued as it is. */
  record Text(String text) implements Prompt {}

  /** A conversation, continued by the assistant. */
  record Chat(List<ChatMessage> messages) implements Prompt {
    public Chat {
      messages = List.copyOf(messages);
    }
  }

  /** Token ids, continued as they are. */
  record Ids(TokenIds ids) implements Prompt {}
}
