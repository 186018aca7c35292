package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.LocalCompleter;
import dev.layermesh.cli.complete.RemoteCompleter;
import dev.layermesh.cli.complete.SocketCompleter;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.decoding.InputException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Set;
import picocli.CommandLine.Option;

/** Where completions are made. */
final class ConnectMixin {
  private static final Set<String> SCHEMES = Set.of("http", "https", "ws", "wss");

  @Option(names = "--connect", paramLabel = "URL",
      description = "Go through a running gateway instead of loading a model: http://127.0.0.1:8080, or ws:// for its "
          + "WebSocket (default: load the model).")
  private String url;

  /** Loads the model, or finds the gateway. */
  Completer open(EngineMixin engine, Environment environment) throws InterruptedException {
    if (url == null) {
      return LocalCompleter.open(engine.options(), environment);
    }
    engine.requireNoneBeside("--connect");
    URI address = address();
    return address.getScheme().startsWith("ws") ? SocketCompleter.connect(address) : RemoteCompleter.connect(address);
  }

  /** Whether completions are made in this process. */
  boolean isHere() {
    return url == null;
  }

  /** Refuses what answers one prompt after the other. */
  void requireManyAtOnce() {
    if (url != null && address().getScheme().startsWith("ws")) {
      throw InputException.of("--connect", url,
          "answers one prompt after the other: use http://HOST:PORT beside --prompts");
    }
  }

  private URI address() {
    try {
      URI address = new URI(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
      if (SCHEMES.contains(String.valueOf(address.getScheme())) && address.getHost() != null) {
        return address;
      }
      throw InputException.of("--connect", url, "must be http://HOST:PORT or ws://HOST:PORT");
    } catch (URISyntaxException e) {
      throw InputException.of("--connect", url, "must be http://HOST:PORT or ws://HOST:PORT");
    }
  }
}
