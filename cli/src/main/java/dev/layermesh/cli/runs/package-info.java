/**
 * Files of prompts and files of their results: reads both, continues many prompts together, and continues where an
 * earlier run was stopped.
 */
package dev.layermesh.cli.runs;
