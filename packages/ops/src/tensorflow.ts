import * as tf from '@tensorflow/tfjs-core';
// After tfjs-core, so that the engine on the global object is the one of the installed package and not that of the bundle.
import './generated/tfjs-gradients.mjs';

/** tfjs-core with the gradients of its own operations registered, which its Node entry leaves out. */
export { tf };
