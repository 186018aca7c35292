/** The {@code layermesh} command: the whole path of a token in one JVM, and every role of the mesh. */
package dev.layermesh.cli;
