package dev.layermesh.system;

import dev.layermesh.system.Dockerfile.Instruction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/**
 * The folder {@code deploy}, read without a container engine, and its mistakes.
 *
 * @param root        the repository
 * @param dockerfiles by path from {@code root}
 * @param compose     compose.yaml, its variables at their defaults
 * @param collector   the collector's configuration
 * @param ignored     patterns of .dockerignore
 */
record Deployment(Path root, Map<String, Dockerfile> dockerfiles, Map<String, Object> compose,
    Map<String, Object> collector, List<String> ignored) {
  static final List<String> ROLES = List.of("draft", "verify", "gateway");
  private static final String FLAGS = "bin/java.options";
  private static final String COLLECTOR = "deploy/otel-collector.yaml";
  /** Flags about the container and the place of the files in it; all others are of {@link #FLAGS}. */
  private static final Pattern IMAGE_FLAG = Pattern.compile("-XX:MaxRAMPercentage=[1-9]\\d|-Dlayermesh\\.root=/.+");
  private static final Pattern FLAG_VARIABLE = Pattern.compile("JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS");
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{\\w+:-([^}]*)}");

  /** Reads the folder; {@code edit} gets path and text of every file and may change it. */
  static Deployment read(Path root, BinaryOperator<String> edit) {
    Function<String, String> text = file -> {
      try {
        return edit.apply(file, Files.readString(root.resolve(file)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
    var dockerfiles = new LinkedHashMap<String, Dockerfile>();
    for (String role : ROLES) {
      String file = "deploy/" + role + ".Dockerfile";
      dockerfiles.put(file, Dockerfile.parse(text.apply(file)));
    }
    return new Deployment(root, dockerfiles,
        yaml(VARIABLE.matcher(text.apply("deploy/compose.yaml")).replaceAll("$1")),
        yaml(text.apply(COLLECTOR)),
        text.apply(".dockerignore").lines().filter(line -> !line.isBlank() && !line.startsWith("#")).toList());
  }

  private static Map<String, Object> yaml(String text) {
    return new Yaml(new SafeConstructor(new LoaderOptions())).load(text);
  }

  /** Every command line that runs: of each image alone and of each service, without the JVM's part. */
  Map<String, List<String>> commandLines() {
    var lines = new LinkedHashMap<String, List<String>>();
    dockerfiles.forEach((file, dockerfile) -> lines.put(file, arguments(dockerfile, dockerfile.command("CMD"))));
    services().forEach((name, service) -> built(service).ifPresent(dockerfile -> lines.put(name,
        arguments(dockerfile, command(service).orElseGet(() -> dockerfile.command("CMD"))))));
    return lines;
  }

  /** What is wrong, a line each, beginning with the file or service. */
  List<String> problems() {
    var problems = new ArrayList<String>();
    dockerfiles.forEach((file, dockerfile) -> {
      Stream.of(sources(dockerfile), flags(dockerfile), image(dockerfile)).flatMap(List::stream)
          .forEach(problem -> problems.add(file + ": " + problem));
    });
    services().forEach((name, service) -> {
      Stream.of(references(service), node(name, service), tracing(service)).flatMap(List::stream)
          .forEach(problem -> problems.add(name + ": " + problem));
    });
    pipelines().forEach(problem -> problems.add("otel-collector.yaml: " + problem));
    return problems;
  }

  /** COPY: each source is in the repository or made by the build. */
  private List<String> sources(Dockerfile dockerfile) {
    var problems = new ArrayList<String>();
    for (Instruction copy : dockerfile.instructions()) {
      if (!copy.keyword().equals("COPY")) {
        continue;
      }
      Optional<String> stage = copy.flag("--from");
      for (String source : copy.words().subList(0, copy.words().size() - 1)) {
        if (stage.isEmpty() && !Files.exists(root.resolve(source))) {
          problems.add("COPY " + source + ": not in the repository");
        }
        if (stage.isEmpty() && ignored.contains(source)) {
          problems.add("COPY " + source + ": left out by .dockerignore");
        }
        if (stage.isPresent() && !dockerfile.stages().contains(stage.get())) {
          problems.add("COPY --from=" + stage.get() + ": no such stage");
        } else if (stage.isPresent() && !buildOutputs().contains(source)) {
          problems.add("COPY " + source + ": not an output of the build, which are " + buildOutputs());
        }
      }
    }
    return problems;
  }

  /** What Maven builds in the module cli, as its pom.xml says, below the build stage's folder. */
  private List<String> buildOutputs() {
    try {
      String pom = Files.readString(root.resolve("cli/pom.xml"));
      return Stream.of("<finalName>(.+)</finalName>",
          "<outputDirectory>\\$\\{project.build.directory}/(.+)</outputDirectory>")
          .map(element -> Pattern.compile(element).matcher(pom))
          .filter(Matcher::find)
          .map(found -> found.group(1))
          .map(name -> "/src/cli/target/" + (name.equals("lib") ? name : name + ".jar"))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The path in the image of each copied source. */
  private static Map<String, String> files(Dockerfile dockerfile) {
    var files = new LinkedHashMap<String, String>();
    Path folder = Path.of("/");
    for (Instruction instruction : dockerfile.image()) {
      List<String> words = instruction.words();
      if (instruction.keyword().equals("WORKDIR")) {
        folder = folder.resolve(words.getFirst());
      } else if (instruction.keyword().equals("COPY")) {
        files.put(folder.resolve(words.getLast()).toString(), words.getFirst());
      }
    }
    return files;
  }

  /** The JVM's part of the command line: the flags of the one file that has them, and the jar that was built. */
  private static List<String> flags(Dockerfile dockerfile) {
    var problems = new ArrayList<String>();
    Map<String, String> files = files(dockerfile);
    List<String> command = dockerfile.command("ENTRYPOINT");
    int jar = command.indexOf("-jar");
    if (jar < 0 || jar + 1 == command.size() || !command.getFirst().equals("java")) {
      return List.of("ENTRYPOINT: must be [\"java\", flags, \"-jar\", jar, role], a JSON array so that signals reach"
          + " java");
    }
    if (!files.getOrDefault(command.get(jar + 1), "").endsWith(".jar")) {
      problems.add("ENTRYPOINT: " + command.get(jar + 1) + " is not in the image");
    }
    List<String> flags = command.subList(1, jar);
    if (flags.stream().noneMatch(flag -> flag.startsWith("@") && FLAGS.equals(files.get(flag.substring(1))))) {
      problems.add("ENTRYPOINT: must take its flags from " + FLAGS);
    }
    flags.stream().filter(flag -> !flag.startsWith("@") && !IMAGE_FLAG.matcher(flag).matches())
        .forEach(flag -> problems.add("ENTRYPOINT: " + flag + " belongs in " + FLAGS));
    if (flags.stream().noneMatch(flag -> flag.startsWith("-XX:MaxRAMPercentage="))) {
      problems.add("ENTRYPOINT: must size the heap with -XX:MaxRAMPercentage");
    }
    dockerfile.image().stream()
        .filter(instruction -> instruction.keyword().equals("ENV")
            && FLAG_VARIABLE.matcher(instruction.arguments()).find())
        .forEach(instruction -> problems.add("ENV " + instruction.arguments() + ": belongs in " + FLAGS));
    return problems;
  }

  /** The user, the writable folder, the model, the health check. */
  private List<String> image(Dockerfile dockerfile) {
    var problems = new ArrayList<String>();
    String user = dockerfile.last("USER").map(Instruction::arguments).orElse("root");
    if (!user.matches("[1-9]\\d*(:[1-9]\\d*)?")) {
      problems.add("USER " + user + ": must be a number other than 0, which an orchestrator can check");
    }
    Optional<String> volume = dockerfile.last("VOLUME").map(Instruction::arguments);
    if (volume.isEmpty() || !volume.equals(cache(dockerfile))) {
      problems.add("XDG_CACHE_HOME must be a VOLUME: it is all that is written");
    }
    List<String> entrypoint = dockerfile.command("ENTRYPOINT");
    boolean gateway = entrypoint.contains("gateway");
    String home = entrypoint.stream().filter(flag -> flag.startsWith("-Dlayermesh.root="))
        .map(flag -> flag.substring(flag.indexOf('=') + 1)).findFirst().orElse("");
    if (gateway == "models".equals(files(dockerfile).get(home + "/models"))) {
      problems.add(gateway ? "the gateway holds no weights" : "the bundled model is not below " + home);
    }
    if (gateway) {
      String check = dockerfile.last("HEALTHCHECK").flatMap(Instruction::execForm).map(List::getLast).orElse("");
      String port = option(arguments(dockerfile, dockerfile.command("CMD")), "--port").orElse("8080");
      if (!check.contains("/dev/tcp/127.0.0.1/" + port) || !check.contains("GET /health/ready ")) {
        problems.add("HEALTHCHECK: must ask port " + port + " for /health/ready");
      }
    }
    return problems;
  }

  private static Optional<String> cache(Dockerfile dockerfile) {
    return dockerfile.image().stream()
        .filter(instruction -> instruction.keyword().equals("ENV"))
        .map(Instruction::arguments)
        .filter(variable -> variable.startsWith("XDG_CACHE_HOME="))
        .map(variable -> variable.substring(variable.indexOf('=') + 1))
        .findFirst();
  }

  /** The Dockerfile, the files and the services that a service names. */
  private List<String> references(Map<String, Object> service) {
    var problems = new ArrayList<String>();
    if (service.containsKey("build") && built(service).isEmpty()) {
      problems.add("build: no Dockerfile " + map(service.get("build")).get("dockerfile"));
    }
    if (!service.containsKey("build") && !text(service, "image").matches(".+:\\d[\\d.]*")) {
      problems.add("image: " + text(service, "image") + " must name a version");
    }
    list(service, "depends_on").stream().filter(name -> !services().containsKey(name))
        .forEach(name -> problems.add("depends_on: no service " + name));
    for (Mount mount : mounts(service)) {
      if (mount.source().startsWith(".") && !Files.exists(mount.path(root))) {
        problems.add("volumes: no " + mount.source());
      } else if (!mount.source().startsWith(".") && !map(compose.get("volumes")).containsKey(mount.source())) {
        problems.add("volumes: no volume " + mount.source());
      }
    }
    return problems;
  }

  /** What a node of the mesh needs in a container: its address, its peers, its model, its writable folders. */
  private List<String> node(String name, Map<String, Object> service) {
    if (built(service).isEmpty()) {
      return List.of();
    }
    var problems = new ArrayList<String>();
    Dockerfile dockerfile = built(service).get();
    List<String> line = commandLines().get(name);
    Optional<String> address = address(service);
    if (address.isEmpty() || !option(line, "--bind").equals(address)) {
      problems.add("--bind: must be the service's address, " + address.orElse("which it lacks"));
    }
    List<String> addresses = services().values().stream().flatMap(other -> address(other).stream()).toList();
    if (addresses.stream().distinct().count() < addresses.size()) {
      problems.add("networks: an address is given twice in " + addresses);
    }
    for (String peer : option(line, "--peers").orElse("").split(",")) {
      if (!addresses.contains(peer.replaceFirst(":5701$", ""))) {
        problems.add("--peers: no service at " + peer);
      }
    }
    option(line, "--model").map(Path::of).ifPresent(model -> {
      if (mounts(service).stream().noneMatch(mount -> mount.has(model, root))) {
        problems.add("--model: no mount has " + model);
      }
    });
    if (!Boolean.TRUE.equals(service.get("read_only")) || !list(service, "tmpfs").contains("/tmp")
        || mounts(service).stream().noneMatch(mount -> cache(dockerfile).equals(Optional.of(mount.target())))) {
      problems.add("must be read_only but for /tmp and XDG_CACHE_HOME");
    }
    if (!text(service, "mem_limit").matches("\\d+[mg]")) {
      problems.add("mem_limit: the heap is a share of it");
    }
    for (String port : list(service, "ports")) {
      if (!port.endsWith(":" + option(line, "--port").orElse("8080"))) {
        problems.add("ports: nothing listens at " + port);
      }
    }
    return problems;
  }

  /** Traces go where the collector listens, in the protocol the exporter speaks. */
  private List<String> tracing(Map<String, Object> service) {
    if (built(service).isEmpty()) {
      return List.of();
    }
    var problems = new ArrayList<String>();
    Map<String, Object> environment = map(service.get("environment"));
    environment.keySet().stream().filter(variable -> FLAG_VARIABLE.matcher(variable).matches())
        .forEach(variable -> problems.add("environment: " + variable + " belongs in " + FLAGS));
    if (!"http/protobuf".equals(environment.get("OTEL_EXPORTER_OTLP_PROTOCOL"))) {
      problems.add("OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf, all the exporter speaks");
    }
    URI endpoint = URI.create(text(environment, "OTEL_EXPORTER_OTLP_ENDPOINT"));
    Map<String, Object> target = map(services().get(String.valueOf(endpoint.getHost())));
    boolean configured = mounts(target).stream()
        .anyMatch(mount -> mount.path(root).equals(root.resolve(COLLECTOR))
            && command(target).orElse(List.of()).contains("--config=" + mount.target()));
    String listens = text(http(), "endpoint");
    if (!configured) {
      problems.add("OTEL_EXPORTER_OTLP_ENDPOINT: no collector runs " + COLLECTOR + " at " + endpoint);
    } else if (!listens.equals("0.0.0.0:" + endpoint.getPort())) {
      problems.add("OTEL_EXPORTER_OTLP_ENDPOINT: " + endpoint + ", but the collector listens at " + listens);
    }
    return problems;
  }

  private Map<String, Object> http() {
    return map(map(map(map(collector.get("receivers")).get("otlp")).get("protocols")).get("http"));
  }

  /** A pipeline names what the collector's configuration defines, and ends somewhere. */
  private List<String> pipelines() {
    var problems = new ArrayList<String>();
    Map<String, Object> pipelines = map(map(collector.get("service")).get("pipelines"));
    if (!pipelines.containsKey("traces")) {
      problems.add("no pipeline of traces");
    }
    pipelines.forEach((name, pipeline) -> {
      for (String kind : List.of("receivers", "processors", "exporters")) {
        List<String> used = list(map(pipeline), kind);
        used.stream().filter(component -> !map(collector.get(kind)).containsKey(component))
            .forEach(component -> problems.add(name + ": " + kind + " has no " + component));
        if (used.isEmpty() && !kind.equals("processors")) {
          problems.add(name + ": no " + kind);
        }
      }
    });
    return problems;
  }

  /** The service's fixed address, if it has one in the subnet of a network of the compose file. */
  private Optional<String> address(Map<String, Object> service) {
    return map(service.get("networks")).entrySet().stream()
        .filter(network -> subnet(network.getKey()).stream()
            .anyMatch(prefix -> text(map(network.getValue()), "ipv4_address").startsWith(prefix)))
        .map(network -> text(map(network.getValue()), "ipv4_address"))
        .findFirst();
  }

  /** What addresses of a network begin with; its subnet is a /24. */
  private Optional<String> subnet(String network) {
    return map(map(map(compose.get("networks")).get(network)).get("ipam")).get("config") instanceof List<?> configs
        ? configs.stream().map(config -> text(map(config), "subnet")).filter(subnet -> subnet.endsWith(".0/24"))
            .map(subnet -> subnet.substring(0, subnet.length() - "0/24".length())).findFirst()
        : Optional.empty();
  }

  private Map<String, Map<String, Object>> services() {
    var services = new LinkedHashMap<String, Map<String, Object>>();
    map(compose.get("services")).forEach((name, service) -> services.put(name, map(service)));
    return services;
  }

  /** The Dockerfile a service is built with; its path is relative to the context, the context to the compose file. */
  private Optional<Dockerfile> built(Map<String, Object> service) {
    Map<String, Object> build = map(service.get("build"));
    Path context = Path.of("deploy").resolve(text(build, "context")).normalize();
    return Optional.ofNullable(dockerfiles.get(context.resolve(text(build, "dockerfile")).normalize().toString()));
  }

  private static Optional<List<String>> command(Map<String, Object> service) {
    return service.containsKey("command") ? Optional.of(list(service, "command")) : Optional.empty();
  }

  private static List<String> arguments(Dockerfile dockerfile, List<String> command) {
    List<String> entrypoint = dockerfile.command("ENTRYPOINT");
    int jar = entrypoint.indexOf("-jar");
    return Stream.concat(entrypoint.stream().skip(jar < 0 ? 0 : jar + 2), command.stream()).toList();
  }

  /** The value of an option, given as {@code --name=value} or {@code --name value}. */
  private static Optional<String> option(List<String> line, String name) {
    for (int i = 0; i < line.size(); i++) {
      if (line.get(i).startsWith(name + "=")) {
        return Optional.of(line.get(i).substring(name.length() + 1));
      }
      if (line.get(i).equals(name) && i + 1 < line.size()) {
        return Optional.of(line.get(i + 1));
      }
    }
    return Optional.empty();
  }

  private static List<Mount> mounts(Map<String, Object> service) {
    return list(service, "volumes").stream().map(text -> text.split(":"))
        .map(parts -> new Mount(parts[0], parts[1])).toList();
  }

  /** A volume of a service: a folder or file beside the compose file, or the name of a volume. */
  private record Mount(String source, String target) {
    Path path(Path root) {
      return root.resolve("deploy").resolve(source).normalize();
    }

    boolean has(Path file, Path root) {
      return file.startsWith(target) && Files.exists(path(root).resolve(Path.of(target).relativize(file)));
    }
  }

  private static Map<String, Object> map(Object value) {
    var map = new LinkedHashMap<String, Object>();
    if (value instanceof Map<?, ?> entries) {
      entries.forEach((name, entry) -> map.put(String.valueOf(name), entry));
    }
    return map;
  }

  private static List<String> list(Map<String, Object> map, String name) {
    return map.get(name) instanceof List<?> values ? values.stream().map(String::valueOf).toList() : List.of();
  }

  private static String text(Map<String, Object> map, String name) {
    return String.valueOf(map.getOrDefault(name, ""));
  }
}
