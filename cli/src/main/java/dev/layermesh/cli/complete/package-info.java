/**
 * Makes completions, in this process or through a gateway, and shows them. {@link dev.layermesh.cli.complete.Completer}
 * is the entry; no class here reads options.
 */
package dev.layermesh.cli.complete;
