// SPDX-License-Identifier: Apache-2.0
/**
 * Files of named tensors in the safetensors format.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">safetensors, format</a>
 */
@NullMarked
package dev.penumbra.safetensors;

import org.jspecify.annotations.NullMarked;
