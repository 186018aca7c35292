package dev.layermesh.tokenizer;

import dev.layermesh.decoding.TokenIds;
import java.util.Arrays;

/**
 * Turns one stream of ids into text piece by piece. It never emits half a character or the beginning of a stop string.
 * All pieces together are exactly {@link Tokenizer#decode(TokenIds)} of all ids, cut before the first stop string. Only
 * one thread at a time may call it.
 *
 * <p>Ids are decoded in a short window behind an anchor: the last id whose text was settled. The decoder
 * treats the beginning of a text specially (SentencePiece strips one leading space); the anchor keeps that out of the
 * middle. A window settles when its text cannot change any more:
 *
 * <ul>
 *   <li>byte-level tokens: when the text does not end in U+FFFD. If it does, the last character may be
 *       unfinished and is held back; all text before it is settled (Unicode 3.9, "maximal subpart": an
 *       unfinished sequence is one U+FFFD).
 *   <li>byte fallback: when a token that is no byte ends the run, because the decoder judges a run as a whole.
 * </ul>
 */
public final class StreamingDetokenizer {
  private static final char REPLACEMENT = '\uFFFD';
  /** An unfinished character has at most 3 bytes, and a token of the window at least one. */
  private static final int UNFINISHED = 3;
  /** Longest window before its settled part is cut off: bounds the work per token. */
  private static final int LONGEST_WINDOW = 16;

  /**
   * The text that a push settled.
   *
   * @param text text to append to the answer; may be empty
   * @param tokens how many of the pushed ids count as answered: all, or those up to and including the one that
   *     completed the stop string
   * @param stopped whether a stop string was completed, now or earlier: no text will follow
   */
  public record Piece(String text, int tokens, boolean stopped) {}

  private final Tokenizer tokenizer;
  private final StopMatcher stops;
  private int[] anchor = {};
  private int anchorLength;
  private int[] window = {};
  private int emitted; // characters of the window's text that were handed to the matcher

  StreamingDetokenizer(Tokenizer tokenizer, StopStrings stops) {
    this.tokenizer = tokenizer;
    this.stops = new StopMatcher(stops);
  }

  /** Takes the next ids; after a stop string they are ignored and none of them counts. */
  public Piece push(TokenIds ids) {
    StringBuilder text = new StringBuilder();
    int tokens = 0;
    while (tokens < ids.length() && !stops.stopped()) {
      text.append(stops.append(next(ids.id(tokens))));
      tokens++;
    }
    return new Piece(text.toString(), tokens, stops.stopped());
  }

  /**
   * Ends the stream: returns the text held back. Unfinished characters become U+FFFD, and the beginning of a stop
   * string becomes text. Its tokens were counted when they were pushed.
   */
  public Piece flush() {
    StringBuilder text = new StringBuilder();
    if (!stops.stopped() && window.length > 0) {
      text.append(stops.append(windowText().substring(emitted)));
      settle();
    }
    text.append(stops.flush());
    return new Piece(text.toString(), 0, stops.stopped());
  }

  private String next(int id) {
    if (tokenizer.isSilent(id)) {
      return "";
    }
    window = append(window, id);
    if (tokenizer.isByte(id)) {
      return "";
    }
    String text = windowText();
    boolean unfinished = !text.isEmpty() && text.charAt(text.length() - 1) == REPLACEMENT;
    int certain = unfinished ? text.length() - 1 : text.length();
    String fresh = text.substring(emitted, certain);
    emitted = certain;
    if (!unfinished) {
      settle();
    } else if (window.length >= LONGEST_WINDOW) {
      cut(text);
    }
    return fresh;
  }

  /** The text of the window behind the anchor. */
  private String windowText() {
    return tokenizer.decode(concat(anchor, window)).substring(anchorLength);
  }

  /** Nothing that follows can change the window's text: its last id becomes the anchor. */
  private void settle() {
    anchorAt(window[window.length - 1]);
    window = new int[0];
    emitted = 0;
  }

  /**
   * Settles all but the last ids of a window full of bytes that are no UTF-8. A place is safe when both sides decode
   * alone to what they are together: an unfinished character there would have been one U+FFFD, not two.
   */
  private void cut(String text) {
    for (int at = window.length - 1; at >= window.length - UNFINISHED - 1; at--) {
      String head = tokenizer.decode(concat(anchor, Arrays.copyOf(window, at))).substring(anchorLength);
      String tail = tokenizer.decode(Arrays.copyOfRange(window, at, window.length));
      if (emitted >= head.length() && text.equals(head + tail)) {
        anchorAt(window[at - 1]);
        window = Arrays.copyOfRange(window, at, window.length);
        emitted -= head.length();
        return;
      }
    }
  }

  private void anchorAt(int id) {
    anchor = new int[] {id};
    anchorLength = tokenizer.decode(anchor).length();
  }

  private static int[] append(int[] ids, int id) {
    int[] longer = Arrays.copyOf(ids, ids.length + 1);
    longer[ids.length] = id;
    return longer;
  }

  private static int[] concat(int[] first, int[] second) {
    int[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
