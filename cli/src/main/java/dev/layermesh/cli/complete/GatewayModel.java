package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A gateway's description of its model, from {@code /v1/models}.
 *
 * @param stamp which model it is
 * @param contextLength tokens of prompt and answer together
 * @param window draft tokens of requests that name none
 * @param defaults sampling values of requests that name none
 */
record GatewayModel(ModelStamp stamp, int contextLength, WindowPolicy window, GenerationDefaults defaults) {

  /**
   * Reads an element of {@code data}.
   *
   * @param source the name in error messages
   */
  static GatewayModel of(JsonNode model, String source) {
    return new GatewayModel(
        ModelStamp.served(model),
        model.path("context_length").asInt(),
        WindowPolicy.sequential(model.path("window").asInt(WindowPolicy.usual(true).draftTokens())),
        defaults(model.path("generation_config"), source));
  }

  private static GenerationDefaults defaults(JsonNode config, String source) {
    return config.isObject()
        ? GenerationDefaults.of(new TokenizerFiles(
            source, Map.of(GenerationDefaults.FILE, config.toString().getBytes(StandardCharsets.UTF_8))))
        : GenerationDefaults.NONE;
  }
}
