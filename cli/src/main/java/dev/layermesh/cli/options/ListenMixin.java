package dev.layermesh.cli.options;

import dev.layermesh.gateway.GatewayOptions;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where clients connect, and the window of requests that name none. */
public final class ListenMixin {

  @Option(names = "--host", paramLabel = "ADDR", defaultValue = "127.0.0.1",
      description = "The address clients connect to (default: ${DEFAULT-VALUE}).")
  private String host;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080",
      description = "Its port; 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private int port;

  @Mixin
  private WindowMixin window;

  @Mixin
  private GenerationConfigMixin generationConfig;

  public GatewayOptions options() {
    return GatewayOptions.DEFAULT
        .withAddress(host, port)
        .withWindow(window.given())
        .withModelSampling(generationConfig.ofModel());
  }

  /** Whether a window was asked for. */
  public boolean windowGiven() {
    return window.given().isPresent();
  }

  /** The options as arguments for another process. */
  public List<String> arguments() {
    var fixed = Stream.of("--host=" + host, "--port=" + port, generationConfig.argument());
    return Stream.concat(fixed, window.arguments().stream()).toList();
  }
}
