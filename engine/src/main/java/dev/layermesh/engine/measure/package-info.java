/** Times a model's steps on a backend, beside what the machine's memory gives. */
package dev.layermesh.engine.measure;
