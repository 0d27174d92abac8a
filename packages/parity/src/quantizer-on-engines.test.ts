import '@tensorflow/tfjs-backend-cpu';
import { isNlaError } from '@nlakit/core';
import { runConformance } from '@nlakit/conformance';
import { tf } from '@nlakit/ops';
import { plugin } from '@nlakit/quantizer-nf4';
import { describe, expect, it } from 'vitest';
import { startBackend } from './backends.js';

