package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.ChatMessage;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.ModelText;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A tokenizer with one token for each byte, after a BOS. A chat is {@code role: content} lines; the role "evil" is
 * refused.
 */
final class ByteText implements ModelText {
  static final int BOS = 256;
  static final int EOS = 257;
  static final int VOCAB = 258;

  static TokenIds bytes(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return TokenIds.of(IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray());
  }

  @Override
  public int vocabSize() {
    return VOCAB;
  }

  @Override
  public TokenIds eosIds() {
    return TokenIds.of(EOS);
  }

  @Override
  public GenerationDefaults samplingDefaults() {
    return GenerationDefaults.NONE;
  }

  @Override
  public boolean hasChatTemplate() {
    return true;
  }

  @Override
  public TokenIds encode(String prompt) {
    return TokenIds.of(BOS).concat(bytes(prompt));
  }

  @Override
  public TokenIds encodeChat(List<ChatMessage> messages) {
    var text = new StringBuilder();
    for (ChatMessage message : messages) {
      if (message.role().equals("evil")) {
        throw InputException.of("messages", message.role(), "the template knows no such role");
      }
      text.append(message.role()).append(": ").append(message.content()).append('\n');
    }
    return encode(text.toString());
  }

  @Override
  public String decode(TokenIds ids) {
    byte[] bytes = new byte[ids.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ids.id(i);
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  @Override
  public TextStream stream(List<String> stops) {
    return new ByteStream(stops);
  }

  private static final class ByteStream implements TextStream {
    private final List<String> stops;
    private byte[] tail = new byte[0];
    private boolean stopped;

    ByteStream(List<String> stops) {
      this.stops = stops;
    }

    @Override
    public String append(int id) {
      if (id < 256) {
        tail = Arrays.copyOf(tail, tail.length + 1);
        tail[tail.length - 1] = (byte) id;
      }
      String text = decodable();
      int end = text.length();
      for (String stop : stops) {
        int at = text.indexOf(stop);
        if (at >= 0) {
          stopped = true;
          end = Math.min(end, at);
        }
        for (int held = 1; held < stop.length() && !stopped; held++) {
          if (text.endsWith(stop.substring(0, held))) {
            end = Math.min(end, text.length() - held);
          }
        }
      }
      return release(text.substring(0, end));
    }

    @Override
    public boolean stopped() {
      return stopped;
    }

    @Override
    public String finish() {
      return release(decodable());
    }

    private String release(String text) {
      tail = Arrays.copyOfRange(tail, text.getBytes(StandardCharsets.UTF_8).length, tail.length);
      return text;
    }

    private String decodable() {
      var chars = CharBuffer.allocate(tail.length);
      StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE)
          .decode(ByteBuffer.wrap(tail), chars, false);
      return chars.flip().toString();
    }
  }
}
