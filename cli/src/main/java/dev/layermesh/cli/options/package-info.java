/**
 * Options that several commands have in common, each group with the values it stands for. Wrong values are refused
 * here, before anything is loaded.
 */
package dev.layermesh.cli.options;
