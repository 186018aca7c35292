package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.text.ModelText;
import java.time.Instant;

/**
 * The model a mesh serves.
 *
 * @param id its name in requests
 * @param fingerprint of the checkpoint
 * @param contextLength positions of prompt and answer together
 * @param exitLayer E
 * @param window draft tokens in a window of requests that name none
 * @param sampling sampling values of requests that name none
 * @param since when this gateway first served it
 * @param text its tokenizer and chat template, its vocabulary and the tokens that end a generation
 */
public record ServedModel(
    String id,
    String fingerprint,
    int contextLength,
    int exitLayer,
    WindowPolicy window,
    GenerationDefaults sampling,
    Instant since,
    ModelText text) {

  /** The same model split at another layer, with the window that suits the split. */
  public ServedModel splitAt(int layer, WindowPolicy window) {
    return layer == exitLayer && window.equals(this.window)
        ? this
        : new ServedModel(id, fingerprint, contextLength, layer, window, sampling, since, text);
  }
}
