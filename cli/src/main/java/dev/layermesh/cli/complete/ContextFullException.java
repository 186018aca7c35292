package dev.layermesh.cli.complete;

/** A prompt leaves too little room in the context. The user can shorten the prompt; a chat drops its oldest turns. */
public final class ContextFullException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A gateway's message. */
  ContextFullException(String message) {
    super(message);
  }

  ContextFullException(int promptTokens, int room, int contextLength) {
    super("prompt=" + promptTokens + " tokens: must leave room for " + room + " in the context of " + contextLength);
  }
}
