import { json, jsonBody, refused, type Route } from '../route.js';
import { checkCard } from './check-card.js';

/** `POST /api/validate-yaml`: whether the front matter of a card is right; 400 with the reasons if not. */
export const validateYaml: Route = {
  kind: 'validate',
  methods: ['POST'],
  pattern: /^\/api\/validate-yaml$/,
  async handle(exchange) {
    const { content } = await jsonBody(exchange);
    const wrong = typeof content === 'string' ? checkCard(content) : ['content: expected a text'];
    return wrong.length > 0 ? refused({ status: 400, message: wrong.join('; ') }) : json({ errors: [], warnings: [] });
  },
};
