package dev.layermesh.cli.complete;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;

/**
 * Makes completions: here, or through a gateway. A completion runs on its caller's thread. Several threads may call
 * at the same time, except on a {@link SocketCompleter}, which makes one completion after the other.
 */
public interface Completer extends AutoCloseable {

  /**
   * Makes one. Interrupting the thread ends it early, as cancelled, with the tokens made so far.
   *
   * @throws dev.layermesh.decoding.InputException when the prompt does not suit the model
   * @throws ContextFullException when the prompt leaves less room than asked for
   * @throws UnansweredException when a gateway cannot answer this time
   */
  Completion complete(CompletionRequest request, CompletionListener listener);

  /** Which model answers. */
  ModelStamp stamp();

  /** Draft tokens of requests that name none. */
  WindowPolicy usualWindow();

  /**
   * The sampling values that the checkpoint recommends for requests that name none.
   *
   * @throws dev.layermesh.decoding.InputException when the checkpoint's file of them is wrong
   */
  GenerationDefaults generationDefaults();

  /** Tokens of prompt and answer together. */
  int contextLength();

  /** Whether the model says how to render conversations. */
  boolean hasChatTemplate();

  @Override
  void close();
}
