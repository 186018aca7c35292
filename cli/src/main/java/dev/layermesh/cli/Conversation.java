package dev.layermesh.cli;

import dev.layermesh.tokenizer.ChatMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What was said in a chat, oldest first. Owned by one thread. */
final class Conversation {
  private final Optional<ChatMessage> system;
  private final List<ChatMessage> turns = new ArrayList<>();

  /** A conversation; the system message is never forgotten. */
  Conversation(Optional<String> system) {
    this.system = system.map(text -> new ChatMessage("system", text));
  }

  void add(ChatMessage message) {
    turns.add(message);
  }

  List<ChatMessage> messages() {
    var messages = new ArrayList<ChatMessage>();
    system.ifPresent(messages::add);
    messages.addAll(turns);
    return messages;
  }

  /** Forgets the oldest question and its answer; false when only the latest question is left. */
  boolean forgetOldest() {
    if (turns.size() < 3) {
      return false;
    }
    turns.subList(0, 2).clear();
    return true;
  }

  /** Forgets the question that got no answer. */
  void forgetLatest() {
    turns.removeLast();
  }

  void reset() {
    turns.clear();
  }
}
