/**
 * The description of a Llama model: its sizes, its rotary embedding, the layers that run, its small files.
 *
 * <p>Shapes: D hidden size, F intermediate size, H heads, HKV key/value heads, HD head dimension, V vocabulary, L
 * layers, E exit layer.
 */
package dev.layermesh.engine.model;
