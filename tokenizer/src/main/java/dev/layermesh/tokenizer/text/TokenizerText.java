package dev.layermesh.tokenizer.text;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.ChatTemplate;
import dev.layermesh.tokenizer.EosIds;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.StopStrings;
import dev.layermesh.tokenizer.StreamingDetokenizer;
import dev.layermesh.tokenizer.Tokenizer;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;

/** Text by a checkpoint's own tokenizer and chat template. Thread-safe until it is closed. */
public final class TokenizerText implements ModelText, AutoCloseable {
  private static final Logger LOG = System.getLogger(TokenizerText.class.getName());

  private final Tokenizer tokenizer;
  private final Optional<ChatTemplate> template;
  private final int vocabSize;
  private final TokenIds eosIds;
  private final TokenizerFiles files; // without tokenizer.json, which is large

  private TokenizerText(
      TokenizerFiles files, Tokenizer tokenizer, Optional<ChatTemplate> template, int vocabSize) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.vocabSize = vocabSize;
    eosIds = EosIds.of(files, tokenizer);
    this.files = files.without("tokenizer.json");
  }

  /**
   * Opens the files of a checkpoint. Logs one warning if the chat template cannot render chats.
   *
   * @param vocabSize rows of the model's embedding
   * @throws InputException if the files are damaged or do not fit a model of {@code vocabSize}
   */
  public static TokenizerText open(TokenizerFiles files, int vocabSize) {
    Tokenizer tokenizer = Tokenizer.open(files);
    Optional<ChatTemplate> template = Optional.empty();
    try {
      tokenizer.requireFits(vocabSize);
      template = ChatTemplate.find(files);
      template.flatMap(ChatTemplate::warning)
          .ifPresent(warning -> LOG.log(Level.WARNING, "chats will fail: " + warning));
      return new TokenizerText(files, tokenizer, template, vocabSize);
    } catch (RuntimeException wrong) {
      template.ifPresent(ChatTemplate::close);
      tokenizer.close();
      throw wrong;
    }
  }

  @Override
  public int vocabSize() {
    return vocabSize;
  }

  @Override
  public TokenIds eosIds() {
    return eosIds;
  }

  @Override
  public GenerationDefaults samplingDefaults() {
    return GenerationDefaults.of(files);
  }

  @Override
  public boolean hasChatTemplate() {
    return template.isPresent();
  }

  @Override
  public TokenIds encode(String text) {
    return tokenizer.encode(text);
  }

  @Override
  public TokenIds encodeChat(List<ChatMessage> messages) {
    ChatTemplate chat = template.orElseThrow(() -> InputException.in(files.source(), "chat_template", "absent",
        "the checkpoint has no chat template: use a prompt instead"));
    return tokenizer.encodeRendered(chat.render(messages, true));
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
