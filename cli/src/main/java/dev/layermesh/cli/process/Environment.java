package dev.layermesh.cli.process;

import java.io.InputStream;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A command's view of the process it runs in.
 *
 * @param home folder of the installation, if the launcher named one; the bundled model lies in it
 * @param cache folder for files that can be made or fetched again
 * @param stdin standard input
 * @param terminal whether stderr is a terminal: progress bars are drawn only there
 * @param signals SIGTERM and Ctrl-C
 */
public record Environment(Optional<Path> home, Path cache, InputStream stdin, boolean terminal, Signals signals) {}
