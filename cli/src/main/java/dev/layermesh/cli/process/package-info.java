/**
 * The process a command runs in: signals, streams, exit statuses, progress bars, and processes started beside it. Knows
 * no command and no mesh.
 */
package dev.layermesh.cli.process;
