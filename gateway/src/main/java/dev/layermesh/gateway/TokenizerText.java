package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.ChatTemplate;
import dev.layermesh.tokenizer.StopStrings;
import dev.layermesh.tokenizer.StreamingDetokenizer;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Text by a checkpoint's own tokenizer and chat template. */
final class TokenizerText implements ModelText, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TokenizerText.class);

  private final Tokenizer tokenizer;
  private final Optional<ChatTemplate> template;

  private TokenizerText(Tokenizer tokenizer, Optional<ChatTemplate> template) {
    this.tokenizer = tokenizer;
    this.template = template;
  }

  /**
   * Opens the files of a checkpoint.
   *
   * @throws InputException if they are damaged or do not fit a model of {@code vocabSize}
   */
  static TokenizerText open(TokenizerFiles files, int vocabSize) {
    Tokenizer tokenizer = Tokenizer.open(files);
    try {
      tokenizer.requireFits(vocabSize);
      Optional<ChatTemplate> template = ChatTemplate.find(files);
      template.flatMap(ChatTemplate::warning).ifPresent(warning -> LOG.warn("chats will fail: {}", warning));
      return new TokenizerText(tokenizer, template);
    } catch (RuntimeException wrong) {
      tokenizer.close();
      throw wrong;
    }
  }

  @Override
  public TokenIds encode(String prompt) {
    return tokenizer.encode(prompt);
  }

  @Override
  public TokenIds encodeChat(List<ChatMessage> messages) {
    ChatTemplate chat = template.orElseThrow(() -> new ApiException(ApiError.invalid(
        "messages", "the model has no chat template; send \"prompt\" to /v1/completions, or \"prompt_ids\"")));
    return tokenizer.encodeRendered(rendered(chat, messages));
  }

  /** A template may refuse messages, which is the client's business; that it is broken is not. */
  private static String rendered(ChatTemplate chat, List<ChatMessage> messages) {
    try {
      return chat.render(messages, true);
    } catch (InputException refused) {
      if (refused.field().equals("messages")) {
        throw refused;
      }
      LOG.error("{}", refused.getMessage());
      throw new ApiException(ApiError.server("template_failed", "the model's chat template failed"));
    }
  }

  @Override
  public TextStream stream(List<String> stops) {
    return new Stream(tokenizer.stream(new StopStrings(stops)));
  }

  @Override
  public String decode(TokenIds ids) {
    return tokenizer.decode(ids);
  }

  @Override
  public void close() {
    template.ifPresent(ChatTemplate::close);
    tokenizer.close();
  }

  private static final class Stream implements TextStream {
    private final StreamingDetokenizer detokenizer;
    private boolean stopped;

    Stream(StreamingDetokenizer detokenizer) {
      this.detokenizer = detokenizer;
    }

    @Override
    public String append(int id) {
      return text(detokenizer.push(TokenIds.of(id)));
    }

    @Override
    public boolean stopped() {
      return stopped;
    }

    @Override
    public String finish() {
      return text(detokenizer.flush());
    }

    private String text(StreamingDetokenizer.Piece piece) {
      stopped = piece.stopped();
      return piece.text();
    }
  }
}
