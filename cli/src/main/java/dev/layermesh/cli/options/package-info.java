/**
 * Options that several commands have in common, each group with its values. Wrong values are refused
 * here, before anything is loaded.
 */
package dev.layermesh.cli.options;
