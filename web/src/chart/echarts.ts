/** The parts of ECharts that the pages use, and no others; loaded when the first chart is shown. */

import { BarChart, LineChart } from "echarts/charts";
import { GridSimpleComponent } from "echarts/components";
import { init, use as register } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

register([BarChart, LineChart, GridSimpleComponent, CanvasRenderer]);

export { init };
