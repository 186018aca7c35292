package dev.layermesh.cli.options;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.GatewayOptions;
import java.util.List;
import picocli.CommandLine.Option;

/** Where clients connect, and what they get who do not say. */
public final class ListenMixin {

  @Option(names = "--host", paramLabel = "ADDR", defaultValue = "127.0.0.1",
      description = "The address clients connect to (default: ${DEFAULT-VALUE}).")
  private String host;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080",
      description = "Its port; 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(names = "--window", paramLabel = "K", defaultValue = "4",
      description = "Tokens to draft in a round of requests that do not say (default: ${DEFAULT-VALUE}).")
  private int window;

  public GatewayOptions options() {
    return GatewayOptions.DEFAULT.withAddress(host, port).withWindow(WindowPolicy.sequential(window));
  }

  /** The options as arguments for another process. */
  public List<String> arguments() {
    return List.of("--host=" + host, "--port=" + port, "--window=" + window);
  }
}
