declare module '*.vue' {
  import type { DefineComponent } from 'vue';

  const component: DefineComponent<{ bare?: boolean }>;
  export default component;
}
