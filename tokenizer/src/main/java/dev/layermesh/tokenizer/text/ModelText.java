package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import java.util.List;
import java.util.function.IntFunction;

/** Text to token ids and back, for one model, and what the model's files say about its text. Thread-safe. */
public interface ModelText {

  /** The model's vocabulary: its ids are in [0, vocabSize). */
  int vocabSize();

  /** Tokens that end a generation; may be none. */
  TokenIds eosIds();

  /**
   * The sampling values the model's author recommends.
   *
   * @throws InputException if they are out of range
   */
  GenerationDefaults samplingDefaults();

  /** Whether the model says how to render conversations. */
  boolean hasChatTemplate();

  /** The ids of a text that is continued as it is; they begin as the model's sequences begin. */
  TokenIds encode(String text);

  /**
   * The ids of a conversation through the model's chat template, up to the assistant's turn.
   *
   * @throws InputException if the template refuses the messages (field {@code messages}), if it fails by itself, or if
   *     the model has none
   */
  TokenIds encodeChat(List<ChatMessage> messages);

  /** A detokenizer for one stream, whose text ends where the first of {@code stops} begins. */
  TextStream stream(List<String> stops);

  /** The text of some ids on their own, for showing drafts that never became part of a stream. */
  String decode(TokenIds ids);

  /**
   * The ids of a prompt, each in the model's vocabulary.
   *
   * @param fieldOfId names the field of the id at an index in an error
   * @throws InputException as {@link #encodeChat} does, or for an id outside the vocabulary
   */
  default TokenIds encode(Prompt prompt, IntFunction<String> fieldOfId) {
    TokenIds ids = switch (prompt) {
      case Prompt.Text text -> encode(text.text());
      case Prompt.Chat chat -> encodeChat(chat.messages());
      case Prompt.Ids given -> given.ids();
    };
    for (int i = 0; i < ids.length(); i++) {
      if (ids.id(i) >= vocabSize()) {
        throw InputException.of(fieldOfId.apply(i), ids.id(i),
            "must be between 0 and " + (vocabSize() - 1) + ": the vocabulary has " + vocabSize() + " ids");
      }
    }
    return ids;
  }

  /** The text of one stream. Owned by one thread. */
  interface TextStream {

    /** Takes the next token and returns the text that is certain: never half a character nor half a stop string. */
    String append(int id);

    /** Whether a stop string was completed: no text follows, whatever is appended. */
    boolean stopped();

    /** The text that was held back, at the end of a stream. */
    String finish();
  }
}
