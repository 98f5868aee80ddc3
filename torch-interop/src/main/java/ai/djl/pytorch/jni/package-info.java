// SPDX-License-Identifier: Apache-2.0
/**
 * The one class of Penumbra that lives in DJL's package, because the native library is visible only
 * there. It needs the class path: on the module path a package belongs to one jar.
 */
package ai.djl.pytorch.jni;
