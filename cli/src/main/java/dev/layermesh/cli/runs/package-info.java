/**
 * Files of prompts and files of their results: reads both, continues many prompts together, and goes on where an
 * earlier run was stopped.
 */
package dev.layermesh.cli.runs;
