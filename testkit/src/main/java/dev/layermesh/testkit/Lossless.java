package dev.layermesh.testkit;

import dev.layermesh.decoding.TokenIds;

/** The project's main assertion: the same tokens, whatever was drafted, lost or resent. */
public final class Lossless {
  private static final int CONTEXT = 6; // tokens shown on each side of a difference

  private Lossless() {}

  /** Throws with the first differing position and the tokens around it unless both lists are equal. */
  public static void assertSameTokens(TokenIds expected, TokenIds actual) {
    int shared = Math.min(expected.length(), actual.length());
    int at = 0;
    while (at < shared && expected.id(at) == actual.id(at)) {
      at++;
    }
    if (at < shared || expected.length() != actual.length()) {
      throw new AssertionError(
          "tokens differ at position %d of %d expected, %d actual%n  expected %s%n  actual   %s"
              .formatted(at, expected.length(), actual.length(), around(expected, at), around(actual, at)));
    }
  }

  private static String around(TokenIds ids, int at) {
    var text = new StringBuilder(at > CONTEXT ? "… " : "");
    for (int i = Math.max(0, at - CONTEXT); i < Math.min(ids.length(), at + CONTEXT + 1); i++) {
      text.append(i == at ? "[" + ids.id(i) + "]" : Integer.toString(ids.id(i))).append(' ');
    }
    if (at >= ids.length()) {
      text.append("[end]");
    }
    return text.append(at + CONTEXT + 1 < ids.length() ? "…" : "").toString().strip();
  }
}
