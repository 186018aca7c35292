package dev.layermesh.cli.complete;

/**
 * Makes completions: here, or through a gateway. On the callers' threads, one completion each, any number of them
 * together; only {@link SocketCompleter} takes one at a time.
 */
public interface Completer extends AutoCloseable {

  /**
   * Makes one. Interrupting the thread ends it early, as cancelled, with what had come.
   *
   * @throws dev.layermesh.decoding.InputException when prompt and model do not go together
   * @throws ContextFullException when the prompt leaves less room than asked for
   * @throws UnansweredException when a gateway cannot answer this time
   */
  Completion complete(CompletionRequest request, CompletionListener listener);

  /** Which model answers. */
  ModelStamp stamp();

  /** Tokens of prompt and answer together. */
  int contextLength();

  /** Whether the model says how to render conversations. */
  boolean hasChatTemplate();

  @Override
  void close();
}
