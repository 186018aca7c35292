package dev.layermesh.cli;

import dev.layermesh.decoding.InputException;
import java.net.URI;
import java.net.URISyntaxException;
import picocli.CommandLine.Option;

/** Where completions are made. */
final class ConnectMixin {

  @Option(names = "--connect", paramLabel = "URL",
      description = "Go through a running gateway, such as http://127.0.0.1:8080, instead of loading a model.")
  private String url;

  /** Loads the model, or finds the gateway. */
  Completer open(EngineMixin engine, Environment environment) throws InterruptedException {
    if (url == null) {
      return LocalCompleter.open(engine.options(), environment);
    }
    engine.requireNoneBeside("--connect");
    return RemoteCompleter.connect(address());
  }

  private URI address() {
    try {
      URI address = new URI(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
      if (("http".equals(address.getScheme()) || "https".equals(address.getScheme())) && address.getHost() != null) {
        return address;
      }
      throw InputException.of("--connect", url, "must be http://HOST:PORT");
    } catch (URISyntaxException e) {
      throw InputException.of("--connect", url, "must be http://HOST:PORT");
    }
  }
}
