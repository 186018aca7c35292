package dev.layermesh.cli.complete;

/** A prompt leaves too little room in the context. What is wrong is the user's to put right, or a chat's to forget. */
public final class ContextFullException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A gateway's own words. */
  ContextFullException(String message) {
    super(message);
  }

  ContextFullException(int promptTokens, int room, int contextLength) {
    super("prompt=" + promptTokens + " tokens: must leave room for " + room + " in the context of " + contextLength);
  }
}
