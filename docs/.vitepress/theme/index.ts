import DefaultTheme from 'vitepress/theme';
import type { Theme } from 'vitepress';
import { h } from 'vue';
import H5Conditions from './H5Conditions.vue';
import Trajectory from './Trajectory.vue';
import './style.css';

/** VitePress's theme with the project's colours and figures drawn from its results. */
const theme: Theme = {
  extends: DefaultTheme,
  Layout: () =>
    h(DefaultTheme.Layout, null, { 'home-hero-image': () => h('div', { class: 'hero-figure' }, [h(Trajectory, { bare: true })]) }),
  enhanceApp({ app }) {
    app.component('Trajectory', Trajectory);
    app.component('H5Conditions', H5Conditions);
  },
};

export default theme;
