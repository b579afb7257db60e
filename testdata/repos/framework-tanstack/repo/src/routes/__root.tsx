import { HeadContent, Scripts, createRootRoute, Outlet } from '@tanstack/react-router'
export const Route = createRootRoute({ head: () => ({ meta: [{ charSet: 'utf-8' }, { title: 'Start' }] }), component: () => (<html lang="en"><head><HeadContent /></head><body><Outlet /><Scripts /></body></html>) })
