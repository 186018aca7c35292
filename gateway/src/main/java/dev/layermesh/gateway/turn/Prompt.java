package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import java.util.List;

/** What a request asks to be continued. */
public sealed interface Prompt {

  /** Text, continued as it stands. */
  record Text(String text) implements Prompt {}

  /** A conversation, continued by the assistant. */
  record Chat(List<ChatMessage> messages) implements Prompt {
    public Chat {
      messages = List.copyOf(messages);
    }
  }

  /** Token ids, continued as they stand. */
  record Ids(TokenIds ids) implements Prompt {}

  /** Its tokens. */
  default TokenIds encode(ModelText text) {
    return switch (this) {
      case Text each -> text.encode(each.text());
      case Chat each -> text.encodeChat(each.messages());
      case Ids each -> each.ids();
    };
  }
}
